// Descriptors of a process that is to have no others.
#pragma once

// Closes all descriptors from a number on.
void coffer_close_all_from(int first);
