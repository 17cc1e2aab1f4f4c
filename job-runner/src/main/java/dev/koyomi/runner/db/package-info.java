/**
 * The way to the database: an address comes in; connections, an up-to-date schema, and faults in
 * words go out.
 */
@NullMarked
package dev.koyomi.runner.db;

import org.jspecify.annotations.NullMarked;
