"""English text as data: tokens, sentences, names, quantities, quotations and who says them."""
