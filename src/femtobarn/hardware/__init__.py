"""From a trained network to hardware: exact integers first, descriptions of circuits from them.

`integer_model` is the contract: a list of `integer_nodes` on the numbers of `fixed_point`.
"""
