# What `cmake --install BUILD --component programs` and `cpack` (one .deb) put onto a machine besides the programs: the service, its user, its
# configuration, man pages, and completion for shells. Man pages and completion are made by the programs themselves.
include(GNUInstallDirs)

find_program(HELP2MAN help2man)
set(made ${PROJECT_BINARY_DIR}/package)
file(MAKE_DIRECTORY ${made})
set(pages)
# mneme_man_page(mnemed 8 "the daemon of mneme"): what --help-all says, as a man page.
function(mneme_man_page program section text)
  add_custom_command(OUTPUT ${made}/${program}.${section}.gz
    COMMAND ${HELP2MAN} --no-info --section ${section} --name ${text} --help-option=--help-all
            --output ${made}/${program}.${section} $<TARGET_FILE:${program}>
    COMMAND gzip --best --no-name --force ${made}/${program}.${section}
    DEPENDS ${program} VERBATIM)
  install(FILES ${made}/${program}.${section}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT programs)
  set(pages ${pages} ${made}/${program}.${section}.gz PARENT_SCOPE)
endfunction()
if(HELP2MAN)
  mneme_man_page(mnemed 8 "the associative-memory daemon")
  mneme_man_page(mnemectl 1 "talks to mnemed, the associative-memory daemon")
endif()

set(scripts)
foreach(shell bash zsh fish)
  add_custom_command(OUTPUT ${made}/completion.${shell}
    COMMAND mnemectl completion ${shell} > ${made}/completion.${shell}
    DEPENDS mnemectl VERBATIM)
  list(APPEND scripts ${made}/completion.${shell})
endforeach()
install(FILES ${made}/completion.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME mnemectl COMPONENT programs)
install(FILES ${made}/completion.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions RENAME _mnemectl COMPONENT programs)
install(FILES ${made}/completion.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d RENAME mnemectl.fish COMPONENT programs)
add_custom_target(package_files DEPENDS ${pages} ${scripts} mnemed mnemectl)

install(TARGETS mnemed COMPONENT programs)
install(FILES deploy/systemd/mnemed.service DESTINATION lib/systemd/system COMPONENT programs)
install(FILES deploy/systemd/mneme.sysusers DESTINATION lib/sysusers.d RENAME mneme.conf COMPONENT programs)
install(FILES deploy/package/mneme.yaml DESTINATION /etc/mneme COMPONENT programs)
install(FILES deploy/mneme.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT programs)

set(CPACK_GENERATOR DEB)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)  # for what lies in /etc
set(CPACK_COMPONENTS_ALL programs)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The mneme authors <mneme@localhost>")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME mneme)
set(CPACK_DEBIAN_PROGRAMS_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "networked associative memory")
set(CPACK_DEBIAN_PROGRAMS_DESCRIPTION "People store associations (a key leads to a response) and recall them from
a noisy or partial cue, or ask for a short list that is certified to contain
the target. This package has the daemon mnemed and its client mnemectl.")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_CONTROL_EXTRA
    "${PROJECT_SOURCE_DIR}/deploy/package/postinst;${PROJECT_SOURCE_DIR}/deploy/package/prerm;${PROJECT_SOURCE_DIR}/deploy/package/postrm;${PROJECT_SOURCE_DIR}/deploy/package/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
