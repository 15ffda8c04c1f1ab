//! What an erasure leaves and what it does not, file by file.
