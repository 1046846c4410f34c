//! One client's state machine.
