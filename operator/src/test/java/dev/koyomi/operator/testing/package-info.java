/** Fakes and API servers that the operator's tests share. */
@NullMarked
package dev.koyomi.operator.testing;

import org.jspecify.annotations.NullMarked;
