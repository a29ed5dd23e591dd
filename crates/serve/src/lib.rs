//! HTTP shell: limits, errors to status, health, graceful stop; and the client
