//! Many clients on one server of revision 2026-07-28.
