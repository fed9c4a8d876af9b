#include <stddef.h>
size_t tinyz_len(const unsigned char *data, size_t len) { return len; }
