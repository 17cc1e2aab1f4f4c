/**
 * The resident part: slots that lease and work, the heartbeat that keeps their leases, the drain at
 * the end. Leased jobs come in, endings go into the queue.
 */
@NullMarked
package dev.koyomi.runner.worker;

import org.jspecify.annotations.NullMarked;
