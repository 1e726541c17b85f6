import CofferConfiguration
import CofferSystem

/// The options of object storage.
enum S3Options {
  static let section = OptionKey<ConfigurationSection>(
    "s3", "Object storage: repositories s3://BUCKET/PREFIX and s3:https://ENDPOINT/BUCKET/PREFIX.", support: .own,
    schema: OptionSchema(
      "Object storage",
      [
        endpoint.option, region.option, profile.option, accessKey.option, secretKey.option, sessionToken.option,
        pathStyle.option, allowHTTP.option, authorities.option, storageClass.option, encryption.option,
        encryptionKey.option, lockDays.option, lockMode.option, conditionalPut.option,
      ]))

  static let endpoint = OptionKey<String?>(
    "endpoint", "The server of repositories s3://BUCKET/PREFIX that are not Amazon's.",
    example: "https://objects.example.org", support: .own)
  static let region = OptionKey<String?>(
    "region",
    "The bucket's region. Not set it is AWS_REGION, AWS_DEFAULT_REGION, that of the profile, or us-east-1.",
    example: "eu-central-1", support: .own)
  static let profile = OptionKey<String?>(
    "profile", "The profile in ~/.aws/credentials and ~/.aws/config that has the credentials.", example: "backup",
    support: .own)
  static let accessKey = OptionKey<String?>(
    "access_key",
    "The access key. Not set, credentials are looked for where Amazon's programs look: in the environment, files, and what the machine is given.",
    example: "\"{credential file /etc/coffer/s3-access-key}\"", isSecret: true, support: .own)
  static let secretKey = OptionKey<String?>(
    "secret_key", "The secret key that belongs to access_key.",
    example: "\"{credential file /etc/coffer/s3-secret-key}\"", isSecret: true, support: .own)
  static let sessionToken = OptionKey<String?>(
    "session_token", "The token that belongs to a key for a while.",
    example: "\"{credential file /etc/coffer/s3-token}\"", isSecret: true, support: .own)
  static let pathStyle = OptionKey<Bool?>(
    "path_style",
    "Whether the bucket stands in the path rather than in front of the server's name. Not set: with any server but Amazon's.",
    example: "true", support: .own)
  static let allowHTTP = OptionKey<Bool>(
    "allow_http", "Whether a server may be asked without TLS that is not on this machine.", default: false,
    support: .own)
  static let authorities = OptionKey<String?>(
    "ca_file", "A file with the certificates that vouch for the server, in place of the machine's own.",
    example: "/etc/coffer/s3-ca.pem", support: .own)
  static let storageClass = OptionKey<String?>(
    "storage_class", "The storage class of what is stored; one that can be read at any time.",
    example: "STANDARD_IA", support: .own)
  static let encryption = OptionKey<String?>(
    "server_side_encryption", "How the server encrypts what is stored, which is encrypted already.",
    example: "aws:kms", choices: ["AES256", "aws:kms", "aws:kms:dsse"], support: .own)
  static let encryptionKey = OptionKey<String?>(
    "kms_key", "The key that the server encrypts with.", example: "alias/backup", support: .own)
  static let lockDays = OptionKey<LockDays?>(
    "object_lock_days",
    "Days for which the server deletes nothing of what is stored, whoever asks. The bucket must have been made with object lock. 'compact' and 'check' renew locks of which less than half is left.",
    example: "30", support: .own)
  static let lockMode = OptionKey<String>(
    "object_lock_mode", "Whether somebody with a right of his own may delete it earlier (governance), or nobody.",
    default: "governance", choices: ["governance", "compliance"], support: .own)
  static let conditionalPut = OptionKey<Bool>(
    "conditional_put",
    "Whether the server refuses to overwrite when it is asked to. If not, Coffer looks whether a name is taken before it puts.",
    default: true, support: .own)
}

/// Whole days, as many as a server takes.
struct LockDays: OptionText {
  static let title = "a number of days from 1 to 36500"
  static let suggestion = "Write the days as a number, for example 30"

  let days: Int

  init?(_ text: String) {
    guard let days = Int(text), (1...36_500).contains(days) else { return nil }
    self.days = days
  }

  var spelling: String { String(days) }
}
