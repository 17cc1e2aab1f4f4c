/**
 * A BatchSchedule comes in; it is planned, its objects are applied, its status is written: the
 * order of events and nothing else.
 */
@NullMarked
package dev.koyomi.operator.reconcile;

import org.jspecify.annotations.NullMarked;
