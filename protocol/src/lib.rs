//! The Model Context Protocol on the wire, without I/O.
