//! The demonstration and every attack, over sockets against real daemons
