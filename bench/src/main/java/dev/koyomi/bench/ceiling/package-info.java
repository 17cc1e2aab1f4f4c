/** Ways to store rows and to write invoices with no queue in between. */
@NullMarked
package dev.koyomi.bench.ceiling;

import org.jspecify.annotations.NullMarked;
