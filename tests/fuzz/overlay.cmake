# Whatever a stranger may send to the overlay: datagrams to a whole node, frames inside a packet.
p2pd_fuzz(overlay_datagram LINK p2pd::overlay)
p2pd_fuzz(overlay_frames LINK p2pd::overlay)
p2pd_fuzz(overlay_record LINK p2pd::overlay)
