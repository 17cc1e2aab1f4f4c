/**
 * The tables as verbs: open, select, dispatch, lease, advance, fail, give back, retry. The only
 * writer of queue rows; knows nothing of what a Unit does.
 */
@NullMarked
package dev.koyomi.runner.queue;

import org.jspecify.annotations.NullMarked;
