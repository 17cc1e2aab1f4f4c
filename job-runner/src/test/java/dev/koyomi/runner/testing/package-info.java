/** A migrated PostgreSQL database for each test class, for the tests of all modules. */
@NullMarked
package dev.koyomi.runner.testing;

import org.jspecify.annotations.NullMarked;
