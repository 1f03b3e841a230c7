"""From a trained network to hardware: exact integers first, descriptions of circuits from them.

`integer_model` is the contract: a list of `integer_nodes` on the numbers of `fixed_point`.
"""

# Modules, none of which is imported before it is asked for: some need torch, a compiler or an extra.
__all__ = [
    "adder_graph",
    "circuit",
    "cost",
    "export",
    "fixed_point",
    "hls4ml",
    "integer_model",
    "integer_nodes",
    "latency",
    "multiply_adds",
    "network_export",
    "onnx_export",
    "synthesis",
    "testbench",
    "unrolled",
    "verilog",
    "verilog_expressions",
]
