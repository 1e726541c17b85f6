import CofferSystem

/// The shells whose command lines can be completed, and what each is to be told for it. They ask the program itself, so that a
/// script stays right when the program is renewed.
enum CompletionScript: String, CaseIterable, Sendable {
  case bash, zsh, fish

  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// How a shell asks: behind it come the words of the command line.
  static let question = "--complete"

  /// - Returns: The words that a shell asks about; nil when none asks.
  static func words(of arguments: [String]) -> [String]? {
    guard let first = arguments.first, first.isSame(as: question) else { return nil }
    return Array(arguments.dropFirst())
  }

  var text: String {
    switch self {
    case .bash:
      // Where there is nothing to choose from, -o default has readline offer files.
      """
      _coffer() {
        local IFS=$'\\n'
        COMPREPLY=($(coffer \(Self.question) "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
      }
      complete -o default -F _coffer coffer

      """
    case .zsh:
      """
      #compdef coffer
      _coffer() {
        local line
        local -a found
        for line in "${(@f)$(coffer \(Self.question) "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
          if [[ -n $line ]]; then found+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}"); fi
        done
        if (( ${#found} )); then _describe 'coffer' found; else _files; fi
      }
      # Called by itself where zsh has found this as a file of its own.
      if [[ $funcstack[1] == _coffer ]]; then _coffer; else compdef _coffer coffer; fi

      """
    case .fish:
      """
      function __coffer_complete
        set -l words (commandline -opc) (commandline -ct)
        set -l found (coffer \(Self.question) $words[2..-1] 2>/dev/null)
        if test (count $found) -gt 0
          printf '%s\\n' $found
        else
          __fish_complete_path (commandline -ct)
        end
      end
      complete -c coffer -f -a '(__coffer_complete)'

      """
    }
  }
}
