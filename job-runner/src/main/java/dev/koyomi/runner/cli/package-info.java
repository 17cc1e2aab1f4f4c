/** One class for each verb: words of the command line come in, a screen and an exit code go out. */
@NullMarked
package dev.koyomi.runner.cli;

import org.jspecify.annotations.NullMarked;
