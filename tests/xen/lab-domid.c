/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* LD_PRELOAD for xl create: the new domain gets the number $LAB_DOMID. Xen goes through all 32,000
 * before one comes back, xl has no option for it, and what happens when one does come back is worth
 * a test. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

typedef int create_function(void *xch, uint32_t *domid, void *config);
int xc_domain_create(void *xch, uint32_t *domid, void *config);

__attribute__((visibility("default"))) int xc_domain_create(void *xch, uint32_t *domid,
							    void *config)
{
	create_function *next = (create_function *)dlsym(RTLD_NEXT, "xc_domain_create");
	const char *wanted = getenv("LAB_DOMID");

	if (wanted)
		*domid = (uint32_t)strtoul(wanted, NULL, 10);
	return next(xch, domid, config);
}
