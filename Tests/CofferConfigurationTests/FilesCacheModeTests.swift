import Testing

@testable import CofferConfiguration

@Suite("Modes of the files cache")
struct FilesCacheModeTests {
  @Test("Every combination that Borg knows is one, in any order")
  func combinations() {
    for (text, facts) in [
      ("ctime,size,inode", [.changeTime, .size, .inode]), ("inode,ctime,size", [.changeTime, .size, .inode]),
      ("mtime,size,inode", [.modificationTime, .size, .inode]), ("size,ctime", [.changeTime, .size]),
      ("mtime,size", [.modificationTime, .size]), ("size", [.size]), ("rechunk,ctime", [.readsAll, .changeTime]),
      ("mtime,rechunk", [.readsAll, .modificationTime]), (" disabled ", [.disabled]),
    ] as [(String, Set<FilesCacheMode.Fact>)] {
      #expect(FilesCacheMode(text)?.facts == facts, "\(text)")
    }
    #expect(FilesCacheMode.standard.spelling == "ctime,size,inode")
  }

  @Test("Others are refused, and what is nearly one is offered")
  func others() {
    for text in [
      "", ",", "ctime", "ctime,inode", "ctime,mtime,size", "size,inode", "rechunk", "rechunk,size", "disabled,size",
      "ctime,,size", "CTIME,size", "ctime;size", "ctime,size,inode,e\u{301}",
    ] {
      #expect(FilesCacheMode(text) == nil, "\(text)")
    }
    #expect(FilesCacheMode.nearest(to: "ctim,size,inode") == "ctime,size,inode")
    #expect(FilesCacheMode.nearest(to: "MTIME, size") == "mtime,size")
    #expect(FilesCacheMode.nearest(to: "fast") == nil)
  }
}
