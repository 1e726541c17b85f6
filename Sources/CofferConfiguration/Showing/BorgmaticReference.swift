import CofferSystem

/// The page that says of every option of borgmatic's what it does in Coffer, made from the declarations.
public enum BorgmaticReference {
  public static func markdown(_ options: OptionCatalogue) -> String {
    var lines = ["# borgmatic's options in Coffer", ""]
    lines.append("Made by `coffer config generate --borgmatic-reference`; do not edit. Coffer's own options are in")
    lines.append("[the reference](options.md).")
    for group in options.groups {
      let rows = rows(of: group, below: "")
      if !rows.isEmpty { lines += ["", "## \(group.title)", "", "| option | in Coffer |", "|---|---|"] + rows }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func rows(of schema: OptionSchema, below place: String) -> [String] {
    schema.options.filter { $0.support != .own }.flatMap { option in
      let name = place + option.name
      return ["| `\(name)` | \(option.support.sentence) |"] + innerRows(of: option, named: name)
    }
  }

  /// What is said of a section without a meaning holds for all that is in it.
  private static func innerRows(of option: Option, named name: String) -> [String] {
    guard option.support.isOffered || option.support == .planned else { return [] }
    switch option.kind {
    case .section(let inner?): return rows(of: inner, below: name + ".")
    case .list(.section(let inner?)): return rows(of: inner, below: name + "[].")
    default: return []
    }
  }
}

extension OptionSupport {
  fileprivate var sentence: String {
    switch self {
    case .works: "works"
    case .differently(let how): "works differently: \(how)"
    case .own: "is Coffer's own"
    case .planned: "is accepted, but nothing is behind it yet"
    case .ignored(let instead): "has no meaning: \(instead)"
    case .refused(let instead): "is refused: \(instead)"
    }
  }
}
