/** The operator's command line: puts the other packages together and starts them. */
@NullMarked
package dev.koyomi.operator;

import org.jspecify.annotations.NullMarked;
