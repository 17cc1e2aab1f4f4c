/**
 * The laptop side: a folder comes in, a PostgreSQL server that works in it goes out. Neither the
 * image nor a cluster uses this package.
 */
@NullMarked
package dev.koyomi.runner.dev;

import org.jspecify.annotations.NullMarked;
