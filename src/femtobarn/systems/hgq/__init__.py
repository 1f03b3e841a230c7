"""Train the bits of every weight with the network: accuracy against FPGA cost, and checked Verilog (HGQ)."""
