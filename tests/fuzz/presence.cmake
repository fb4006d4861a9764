# Parsers of presence: what peers say, what the overlay keeps, what lies on disk.
p2pd_fuzz(presence_messages LINK p2pd::presence)
p2pd_fuzz(user_config LINK p2pd::presence)
p2pd_fuzz(identity_files LINK p2pd::presence)
