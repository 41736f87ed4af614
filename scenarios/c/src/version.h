#ifndef VERSION_H
#define VERSION_H

/* Names the build. An incremental sample of the race changes it, as a
 * developer's edit would change a line. */
#define VERSION "dev"

#endif
