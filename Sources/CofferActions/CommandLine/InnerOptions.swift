import CofferConfiguration
import CofferSystem

/// The options inside of sections, for help: what several sections have in common is told once.
enum InnerOptions {
  struct Group {
    /// With dots for sections in sections.
    var sections: [String]
    var options: [Option]
  }

  /// Those of the sections, and of the lists of sections, that the schemas have, however deep; in the order of writing.
  static func groups(of schemas: [OptionSchema]) -> [Group] {
    var found: [(option: Option, sections: [String])] = []
    for (name, option) in flattened(schemas) {
      guard let section = name.before(end: ".\(option.name)") else { continue }
      if let place = found.firstIndex(where: { isSame($0.option, option) }) {
        found[place].sections.append(section)
      } else {
        found.append((option, [section]))
      }
    }
    return found.reduce(into: []) { groups, next in
      if let place = groups.firstIndex(where: { $0.sections == next.sections }) {
        groups[place].options.append(next.option)
      } else {
        groups.append(Group(sections: next.sections, options: [next.option]))
      }
    }
  }

  /// All options that mean something, those in sections behind the section's name and a dot.
  static func flattened(_ schemas: [OptionSchema], below place: String = "") -> [(name: String, option: Option)] {
    schemas.flatMap(\.options).filter { $0.summary != nil }.flatMap { option in
      let name = place + option.name
      let inner = option.sectionSchema.map { [$0] } ?? []
      return [(name, option)] + flattened(inner, below: name + ".")
    }
  }

  private static func isSame(_ left: Option, _ right: Option) -> Bool {
    left.name.isSame(as: right.name) && left.summary == right.summary
  }
}
