/** Bad input for tests: a seed goes in, the least input that breaks something comes out. */
@NullMarked
package dev.koyomi.crds.testing;

import org.jspecify.annotations.NullMarked;
