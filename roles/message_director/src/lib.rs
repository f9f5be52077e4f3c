//! The Message Director role: links, control messages, post-removes and the upstream link.
