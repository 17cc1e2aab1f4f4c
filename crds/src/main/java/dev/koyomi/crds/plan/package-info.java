/**
 * What a manifest means: its tree comes in, a {@link dev.koyomi.crds.plan.Plan} with all defaults
 * filled in, or all of its problems, goes out. Pure: no client, no clock, no files.
 */
@NullMarked
package dev.koyomi.crds.plan;

import org.jspecify.annotations.NullMarked;
