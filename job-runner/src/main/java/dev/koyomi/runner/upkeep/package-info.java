/**
 * What keeps leases and runs in order in the background: a regular beat that says we live and
 * sweeps up after those who do not.
 */
@NullMarked
package dev.koyomi.runner.upkeep;

import org.jspecify.annotations.NullMarked;
