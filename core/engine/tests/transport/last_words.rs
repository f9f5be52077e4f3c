//! What is heard at last.
