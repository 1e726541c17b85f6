import CofferActions
import CofferSystem

@testable import CofferConfiguration

// Most tests here are about files as the program reads them, with the options of all its systems and services.

extension ConfigurationLoader {
  init(files: FileReader = .system, environment: ProcessEnvironment, currentFolder: String) {
    self.init(files: files, environment: environment, currentFolder: currentFolder, options: .standard)
  }
}

extension OptionFlag {
  init?(_ flag: String) { self.init(flag, in: .standard) }

  static func nearest(to flag: String) -> String? { nearest(to: flag, in: .standard) }
}

extension OptionChange {
  init(override text: String) throws(ConfigurationProblem) { try self.init(override: text, in: .standard) }
}

extension ConfigurationTemplate {
  init() { self.init(.standard) }
}
