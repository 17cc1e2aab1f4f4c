/**
 * The calendar: a cron expression, a time zone and two instants come in, the occurrences between
 * them go out. Knows no clock.
 */
@NullMarked
package dev.koyomi.crds.occurrence;

import org.jspecify.annotations.NullMarked;
