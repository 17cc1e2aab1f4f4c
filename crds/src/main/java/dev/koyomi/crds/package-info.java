/**
 * The custom resources as Java records that mirror the YAML word for word: a manifest's tree comes
 * in, a {@link dev.koyomi.crds.BatchScheduleSpec} or the problems that kept it from being read go
 * out.
 */
@NullMarked
package dev.koyomi.crds;

import org.jspecify.annotations.NullMarked;
