import CofferConfiguration
import CofferSystem

/// Options of the stores that are reached through ssh.
enum SSHOptions {
  static let command = OptionKey<CommandWords?>(
    "ssh_command", "What to run in place of ssh; may have arguments.", example: "ssh -i /root/.ssh/backup")
  static let remotePath = OptionKey<String?>(
    "remote_path", "What to run on the other host of a repository at ssh:// in place of coffer.",
    example: "/usr/local/bin/coffer")
}
