//! One file per subcommand of the `weighhouse` command.
