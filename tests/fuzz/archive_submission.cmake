p2pd_fuzz(submission LINK p2pd::archive_submission)
