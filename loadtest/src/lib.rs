//! The load tester: drives a running park over TCP and checks what comes back.
