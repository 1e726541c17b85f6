// The checksum of a PostgreSQL page, after the description in its `storage/checksum_impl.h`.

#ifndef COFFER_PAGE_CHECKSUM_H
#define COFFER_PAGE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// What a page's header has to have as its checksum; what it has there does not count.
///
/// `length` is the page's, a multiple of 128 bytes; `number` is its place in the relation, in pages, over all of the relation's files.
uint16_t coffer_page_checksum(const void *page, size_t length, uint32_t number);

#endif
