p2pd_fuzz(codec LINK p2pd::base)
p2pd_fuzz(endpoint LINK p2pd::net)
p2pd_fuzz(text LINK p2pd::net)
