/**
 * The SQL that users write: a text comes in, its statements with their named parameters go out, or
 * the sentence that says where a quote was left open.
 */
@NullMarked
package dev.koyomi.crds.sql;

import org.jspecify.annotations.NullMarked;
