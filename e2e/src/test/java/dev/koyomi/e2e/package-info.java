/**
 * What only a cluster shows: a manifest, a kill or a wrong word goes in, and the invoices, runs and
 * sentences that come out are compared.
 */
@NullMarked
package dev.koyomi.e2e;

import org.jspecify.annotations.NullMarked;
