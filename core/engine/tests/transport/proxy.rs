//! PROXY headers, as proxies send them.
