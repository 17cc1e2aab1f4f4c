/**
 * Command line, environment and defaults come in; the address of the database, or all problems at
 * once, go out.
 */
@NullMarked
package dev.koyomi.runner.settings;

import org.jspecify.annotations.NullMarked;
