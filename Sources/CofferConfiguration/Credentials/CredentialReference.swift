import CofferSystem

/// `{credential TYPE ARGUMENTS}`: a secret that is kept elsewhere.
struct CredentialReference: Sendable, Equatable {
  enum Kind: String, CaseIterable, Sendable {
    case file, container, systemd, keepassxc, onepassword, command
  }

  let kind: Kind
  /// As many as the kind takes.
  let arguments: [String]

  /// How messages name it. What a command is given is nobody's business: it may be a secret itself.
  var name: String {
    let isLong = kind == .command && arguments.count > 1
    let shown = isLong ? [arguments[0], "..."] : arguments
    return "{credential \(kind.rawValue) \(shown.joined(separator: " "))}"
  }

  /// What messages show of one that is none: nothing of what stands behind its kind, which may be a secret that was written
  /// in the wrong place.
  private static func shown(_ kind: Kind?) -> String { "{credential \(kind.map { "\($0.rawValue) " } ?? "")...}" }

  /// - Returns: nil when the text is no reference but stands for itself.
  /// - Throws: `CredentialError` when it begins like one and is none.
  init?(_ text: String) throws(CredentialError) {
    guard text.begins(with: "{credential "), let inside = text.after(beginning: "{") else { return nil }
    let parts = inside.parts(by: "}", limit: 2)
    guard parts.count > 1 else { throw .malformed(Self.shown(nil), problem: "The closing brace is missing") }
    guard let words = try? ShellWords.split(parts[0]), words.count > 1 else {
      throw .malformed(Self.shown(nil), problem: "It names no kind of credential, or a quote is not closed")
    }
    guard let kind = Kind(rawValue: words[1]) else { throw .unknownKind(Self.shown(nil), kind: words[1]) }
    let reference = Self.shown(kind)
    guard parts[1].isEmpty else {
      throw .malformed(reference, problem: "Something stands after the closing brace")
    }
    self.kind = kind
    arguments = Array(words.dropFirst(2))
    guard kind == .command ? !arguments.isEmpty : arguments.count == kind.arguments.count else {
      throw .malformed(reference, problem: "It takes \(kind.arguments.joined(separator: " and "))")
    }
    // Names are parts of paths and must not lead elsewhere.
    if kind == .container || kind == .systemd {
      let isName = arguments[0].unicodeScalars.allSatisfy {
        $0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "_" || $0 == "-" || $0 == "."
      }
      guard isName, ![".", ".."].contains(arguments[0]) else {
        throw .malformed(reference, problem: "The name may have letters, digits, '_', '-' and '.' only")
      }
    }
  }
}

extension CredentialReference.Kind {
  /// What stands after it.
  var arguments: [String] {
    switch self {
    case .file: ["a path"]
    case .container, .systemd: ["a name"]
    case .keepassxc: ["a database's path", "an entry's name"]
    case .onepassword: ["an address op://VAULT/ITEM/FIELD"]
    case .command: ["a program", "its arguments"]
    }
  }
}
