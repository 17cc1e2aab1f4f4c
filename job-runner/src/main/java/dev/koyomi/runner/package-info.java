/** Entry point of the image and of the laptop: words of the command line in, exit code out. */
@NullMarked
package dev.koyomi.runner;

import org.jspecify.annotations.NullMarked;
