import CofferConfiguration
import CofferSystem

/// `init`: from nothing to the first backup.
enum InitAction {
  static let place = Flag<String?>(
    "--to", value: "PATH", help: "Where backups are to be kept: a folder, or an address as 'repositories' takes it.")
  static let sqlite = Flag<[String]>(
    "--sqlite", value: "PATH", help: "A SQLite file, or a folder to look for such files in; may be repeated.")
  static let source = Flag<[String]>(
    "--source", value: "PATH", help: "A file or folder to back up, too; may be repeated.")
  static let noServers = Flag<Bool>("--no-servers", help: "Do not look for servers on this machine.")
  static let encryption = Flag<RepositoryEncryption>(
    "--encryption", "-e", value: "MODE", .option, default: .repokey, help: "The repository's mode, as of repo-create.")
  static let backup = Flag<Bool>("--backup", help: "Make the first backup at once.")
  static let timer = Flag<Bool>("--timer", help: "Start the timer that the package has brought.")

  static let declaration = ActionDeclaration(
    "init", abstract: "Set backups up: find databases, write a configuration, make the repository.",
    discussion: """
      Finds servers of PostgreSQL and MariaDB on this machine by their sockets and ports, and SQLite files in the folders \
      that it is given; tries each; writes a short configuration (--config, or /etc/coffer/config.yaml as root, \
      ~/.config/coffer/config.yaml otherwise) and beside it a random passphrase, for their owner alone; makes the \
      repository; and says what to keep safe. At a terminal it asks, and offers the first backup and the timer; without \
      one, or with --yes, it takes what its flags say and all that it finds. Nothing that exists is replaced: stopped in \
      the middle, it can be run again. With --dry-run it prints what it would write.
      """,
    flags: [place, sqlite, source, noServers, encryption, backup, timer, Confirmation.yes],
    examples: ["coffer init", "coffer init --to /mnt/backup/databases --sqlite /srv --backup"],
    needsConfiguration: false, repositories: .none, run: { try Setup($0).run() })
}
