# Run by `cmake --install`: the units with the paths of this installation, and the configuration.
# In: P2PD_SOURCE, P2PD_BUILD (folders), P2PD_BINDIR, P2PD_DOCDIR (below the prefix, or absolute).
# Empty: CMake has taken the slash off "/".
set(prefix "${CMAKE_INSTALL_PREFIX}")
if(prefix)
  get_filename_component(prefix "${prefix}" ABSOLUTE)
endif()
foreach(dir BINDIR DOCDIR)
  set(CMAKE_INSTALL_FULL_${dir} "${P2PD_${dir}}")
  if(NOT IS_ABSOLUTE "${P2PD_${dir}}")
    set(CMAKE_INSTALL_FULL_${dir} "${prefix}/${P2PD_${dir}}")
  endif()
endforeach()

# What belongs to the machine is configured in /etc, where the service's folder is (ConfigurationDirectory=), /usr/local
# as well; what has a place of its own stays in it.
set(config_dir "${prefix}/etc/p2pd")
if(prefix MATCHES "^(|/usr|/usr/local)$")
  set(config_dir /etc/p2pd)
endif()
set(P2PD_CONFIG_FILE "${config_dir}/p2pd.toml")
set(P2PD_STRACK_CONFIG_FILE "${config_dir}/strack.toml")

foreach(unit system/p2pd system/p2pd-strack user/p2pd)
  get_filename_component(kind "${unit}" DIRECTORY)
  string(REGEX REPLACE "^system/" "" from "${unit}")
  configure_file("${P2PD_SOURCE}/systemd/${from}.service.in" "${P2PD_BUILD}/systemd/${unit}.service" @ONLY)
  file(INSTALL DESTINATION "${prefix}/lib/systemd/${kind}" TYPE FILE FILES "${P2PD_BUILD}/systemd/${unit}.service")
endforeach()

# A configuration that stands already, or a link that leads to one, belongs to the operator.
foreach(name p2pd.toml strack.toml)
  set(standing "$ENV{DESTDIR}${config_dir}/${name}")
  if(NOT EXISTS "${standing}" AND NOT IS_SYMLINK "${standing}")
    file(INSTALL DESTINATION "${config_dir}" TYPE FILE FILES "${P2PD_SOURCE}/deploy/${name}")
  endif()
endforeach()
