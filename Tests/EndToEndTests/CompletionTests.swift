import Testing

@Suite("Completion in real shells, with the built program")
struct CompletionTests {
  private let ground: Playground

  init() throws {
    ground = try Playground()
    // The scripts find it by its name.
    try ground.run("ln", "-s", ground.binary, "\(ground.folder)/coffer")
    ground.environment["PATH"] = "\(ground.folder):/usr/local/bin:/usr/bin:/bin"
  }

  @Test("bash offers actions and flags")
  func bash() throws {
    func offers(_ words: String, _ place: Int) throws -> [Substring] {
      try ground.run(
        "bash", "-c",
        "source <(coffer completion bash); COMP_WORDS=(coffer \(words)); COMP_CWORD=\(place); _coffer; "
          + "printf '%s\\n' \"${COMPREPLY[@]}\""
      ).split(separator: "\n")
    }
    #expect(try offers("rep", 1) == ["repo-create", "repo-list", "repo-info"])
    #expect(try offers("restore --target-n", 2) == ["--target-name"])
    #expect(try offers("--config ''", 2) == [])
  }

  @Test("fish offers actions with what they are")
  func fish() throws {
    let said = try ground.run("fish", "-c", "coffer completion fish | source; complete -C 'coffer repo-i'")
    #expect(said == "repo-info\tShow a repository's mode and sizes.\n")
    #expect(
      try ground.run("fish", "-c", "coffer --fish-completion | source; complete -C 'coffer key re'").hasPrefix("remove")
    )
  }

  @Test("zsh takes its script, and hands on what is offered")
  func zsh() throws {
    let said = try ground.run(
      "zsh", "-f", "-c",
      """
      compdef() { }
      _describe() { print -l -- "${(@P)2}"; }
      _files() { print files; }
      source <(coffer completion zsh)
      words=(coffer repo-i); CURRENT=2; _coffer
      words=(coffer --config ''); CURRENT=3; _coffer
      """)
    #expect(said == "repo-info:Show a repository's mode and sizes.\nfiles\n")
  }

  @Test("The shell is the one of the environment, and one that is not known is refused")
  func shell() throws {
    ground.environment["SHELL"] = "/bin/bash"
    #expect(try ground.exactly(["completion"]).output == ground.exactly(["--bash-completion"]).output)
    ground.environment["SHELL"] = "/bin/tcsh"
    let unknown = try ground.exactly(["completion"])
    #expect(
      unknown.status == .exited(1) && unknown.errors.contains("tcsh") && unknown.errors.contains("bash, zsh, fish"))
    #expect(try ground.exactly(["completion", "ksh"]).status == .exited(1))
  }
}
