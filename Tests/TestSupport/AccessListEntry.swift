/// An entry of an access control list of version 2, as linux/posix_acl_xattr.h has it.
public func accessListEntry(_ tag: UInt8, _ rights: UInt8, _ id: UInt32 = .max) -> [UInt8] {
  [tag, 0, rights, 0] + withUnsafeBytes(of: id.littleEndian) { Array($0) }
}
